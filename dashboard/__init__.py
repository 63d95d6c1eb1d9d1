"""The ward on a screen: snapshot from storage, then the log; pages, JSON API, live events."""
