"""Power line: modems on a medium and a car's SLAC, written apart from the station's so both cannot be wrong alike."""
