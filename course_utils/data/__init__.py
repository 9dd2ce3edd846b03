"""Pictures, tables and texts as data sets and batches."""
