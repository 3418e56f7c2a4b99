"""The HTTP service, and the page that it serves. Needs the extras 'serve' and 'geo'."""
