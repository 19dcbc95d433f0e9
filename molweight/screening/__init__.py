"""What a prediction is worth: intervals, calibration, domain, and which molecule to take next."""
