"""Records become custom resources, and custom resources become records."""
