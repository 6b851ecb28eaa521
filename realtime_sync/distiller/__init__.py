"""AI Refinery's Realtime Distiller, blocking."""
