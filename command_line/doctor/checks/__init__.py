"""The checks, each an async generator of findings; what is seen and how it is judged are apart."""
