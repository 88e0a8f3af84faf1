"""What knows nothing of the subject: parameters, discovery, files, numbers in words, devices."""
