"""Workers, brokers and databases are killed, frozen and restarted; what must hold afterwards is checked."""
