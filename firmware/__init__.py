"""What the station does: station model, car protocols, back-office protocols."""
