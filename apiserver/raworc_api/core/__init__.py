"""What every feature of the API uses; it knows none of them."""
