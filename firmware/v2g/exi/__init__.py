"""EXI, the compact binary form of V2G messages: grammars, the codec, XML and JSON forms."""
