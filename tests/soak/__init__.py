"""Hours at steady load or at rest, sampled and judged; and a load of twice what the house can do."""
