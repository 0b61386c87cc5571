"""Bookings: new business and expansion deals that are won in a quarter."""
