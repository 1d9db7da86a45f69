"""The values of the chart `raworc`, from which its values file, schema and README are rendered."""
