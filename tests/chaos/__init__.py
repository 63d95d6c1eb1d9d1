"""Chaos on real servers: faults injected on a schedule under a load whose truth is known, and a verifier that recomputes everything."""
