"""Results and sessions that earlier versions have saved, and the script that made them."""
