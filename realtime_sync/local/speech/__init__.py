"""Speech recognition and synthesis for the embedded server, in processes of their own.

`service.SpeechService` is the door for the server; `worker` is the program behind it.
"""
