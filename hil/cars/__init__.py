"""Cars: the other side of the plug, as scripts over the same message classes that the station uses."""
