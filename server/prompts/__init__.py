"""Recipes that a person picks from a menu: which tools to ask, in which order, and what to make of the answers."""

from server.prompts.customers import win_back_campaign
from server.prompts.products import find_product, reorder_plan
from server.prompts.reviews import monthly_close, weekly_review

PROMPTS = (weekly_review, monthly_close, win_back_campaign, reorder_plan, find_product)
