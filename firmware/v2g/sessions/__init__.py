"""One script per car protocol."""
