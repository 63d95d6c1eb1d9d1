"""Ways by which a notification reaches somebody, a file each."""
