"""All claims by their id, in the order in which the tutorial comes to them."""

from __future__ import annotations

from .cards import IMPRESSIVE, MINI_UNET
from .claim import Claim
from .clearer import CLEARER
from .disorder import DISORDER
from .earlier import BLAME, IDEAL
from .gradual import GRADUAL
from .inverse import INVERSE
from .inverted import INVERTED
from .neighbours import NEIGHBOURS
from .recovery import RECOVERY
from .restoring import RESTORES
from .sizes import KEEPS, SHRINKS
from .spreading import LOCALLY, SPREADS
from .timestep import TIMESTEP
from .tuning import TUNING

CLAIMS: dict[str, Claim] = {
    "inverse": INVERSE,
    "shrinks": SHRINKS,
    "inverted": INVERTED,
    "ideal": IDEAL,
    "blame": BLAME,
    "gradual": GRADUAL,
    "disorder": DISORDER,
    "recovery": RECOVERY,
    "timestep": TIMESTEP,
    "keeps-size": KEEPS,
    "local": LOCALLY,
    "restores": RESTORES,
    "spreads": SPREADS,
    "neighbours": NEIGHBOURS,
    "clearer": CLEARER,
    "mini-unet": MINI_UNET,
    "impressive": IMPRESSIVE,
    "tuning": TUNING,
}
