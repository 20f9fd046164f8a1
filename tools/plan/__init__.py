"""ponto plan: requests/s at the peak and the limit that binds, and a month's bill."""
