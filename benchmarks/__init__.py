"""Speed and memory of cnnlab beside PyTorch, JAX and the loops of the notebooks: `make bench`."""
