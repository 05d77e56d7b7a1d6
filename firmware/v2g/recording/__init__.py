"""What a car and the station said, as one pcapng file per plug-in that Wireshark opens (`capture = true`)."""
