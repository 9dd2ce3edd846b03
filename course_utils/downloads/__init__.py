"""The real data sets and weights: what there is, where it lies, how it gets here."""
