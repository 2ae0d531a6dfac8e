"""The methods: each module is a process that gets TASK OUT SEED CPU_SECONDS and leaves its test predictions in OUT."""
