"""What serves the project and is not part of the product: measurements, pictures of the docs."""
