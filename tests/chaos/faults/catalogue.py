"""Every fault by its name, the quick ones first."""

from tests.chaos.faults import Fault
from tests.chaos.faults.conditions import NOTHING, OTHERS
from tests.chaos.faults.links import CUTS, DELAYS, PARTITIONS, SLOW_DATABASE
from tests.chaos.faults.processes import FREEZES, KILLS

FAULTS: dict[str, Fault] = {
    fault.name: fault for fault in (NOTHING, *KILLS, *OTHERS, SLOW_DATABASE, *FREEZES, *PARTITIONS, *DELAYS, *CUTS)
}
