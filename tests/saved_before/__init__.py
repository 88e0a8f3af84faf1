"""Results and sessions that earlier versions saved, and the script that made them."""
