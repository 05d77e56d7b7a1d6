"""The messages of every V2G protocol, one module per schema; each is declared once, in wire order."""
