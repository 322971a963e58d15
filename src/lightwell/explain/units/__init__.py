"""What a unit of the code responds to."""

from lightwell.explain.units.saliency import unit_saliency
from lightwell.explain.units.visualise import Climb, Visualisation, visualise

__all__ = ["Climb", "Visualisation", "unit_saliency", "visualise"]
