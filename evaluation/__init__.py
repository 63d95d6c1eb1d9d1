"""How good it is: simulated patients beside recorded ones, and what the rules and models make of either."""
