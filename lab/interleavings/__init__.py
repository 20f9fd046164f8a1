"""`make interleavings`: runs two or three programs in every order of their statements."""
