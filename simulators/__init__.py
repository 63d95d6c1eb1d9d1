"""Pretend wearables: seeded physiology, scenarios with known truth, devices that keep until receipted, replay of recordings."""
