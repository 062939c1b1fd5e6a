//! Tables, encodings and Parquet.
