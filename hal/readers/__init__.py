"""What card readers have in common: presentations, the PN532's frames, Wiegand's bits. Loaded where a board has one."""
