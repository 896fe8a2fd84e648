"""Who am I, and which stores may I see?"""
