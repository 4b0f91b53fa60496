"""Balance logs from elsewhere: CSV files of time and weight, read strictly."""
