"""AI Refinery's Realtime Distiller."""
