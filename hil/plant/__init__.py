"""The plant: the physics around the station's electronics, behind the same register file as the simulated board."""
