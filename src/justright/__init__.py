"""justright takes a table to a model that is just right, and keeps it so in service."""
