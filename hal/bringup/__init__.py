"""For technicians: check a board file, find what is connected, try each part, and read what the guard kept."""
