"""All claims by their id, in the order in which the tutorial comes to them."""

from __future__ import annotations

from .cards import IMPRESSIVE, MINI_UNET
from .claim import Claim
from .clearer import CLEARER
from .disorder import DISORDER
from .gradual import GRADUAL
from .inverse import INVERSE
from .recovery import RECOVERY
from .restoring import RESTORES
from .sizes import KEEPS, SHRINKS
from .spreading import LOCALLY, SPREADS

CLAIMS: dict[str, Claim] = {
    "inverse": INVERSE,
    "shrinks": SHRINKS,
    "gradual": GRADUAL,
    "disorder": DISORDER,
    "recovery": RECOVERY,
    "keeps-size": KEEPS,
    "local": LOCALLY,
    "restores": RESTORES,
    "spreads": SPREADS,
    "clearer": CLEARER,
    "mini-unet": MINI_UNET,
    "impressive": IMPRESSIVE,
}
