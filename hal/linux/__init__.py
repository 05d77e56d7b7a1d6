"""What Linux offers a board whose pins it drives itself: GPIO lines, sysfs PWM, IIO converters. No charging here."""
