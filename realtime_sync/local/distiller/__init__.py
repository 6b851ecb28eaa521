"""What the server knows of AI Refinery's Realtime Distiller: projects, sessions, agents."""
