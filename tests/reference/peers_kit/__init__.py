"""What peers.py computes without tussock: each module says which programs it takes the numbers from."""
