"""How good it is: simulated patients beside recorded ones, and what the rules and models make of either."""

from runtime.linear_algebra import keep_to_one_thread

keep_to_one_thread()
