"""What make_samples.py is made of: templates, invented names, and one module per kind of sample."""
