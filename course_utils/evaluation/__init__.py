"""What a trained network is worth: history, metrics, plots."""
