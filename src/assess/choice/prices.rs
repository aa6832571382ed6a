//! AWS list prices. After the public price pages of the services (aws.amazon.com/lambda/pricing,
//! /api-gateway/pricing, /rds/mariadb/pricing, /elasticache/pricing, /s3/pricing,
//! /secrets-manager/pricing, /eks/pricing, /ec2/pricing/on-demand, /ebs/pricing, /vpc/pricing,
//! /elasticloadbalancing/pricing), on demand, in the region and on the date below.

/// The region that the prices hold for.
const REGION: &str = "US East (N. Virginia), us-east-1";

/// When they were taken down.
const AS_OF: &str = "2025-12";

/// Dollars for one unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    /// What is bought.
    pub(super) what: &'static str,
    /// Dollars for one unit.
    pub(super) usd: f64,
    /// The unit.
    pub(super) unit: &'static str,
}

const fn price(what: &'static str, usd: f64, unit: &'static str) -> Price {
    Price { what, usd, unit }
}

pub(super) const LAMBDA_TIME: Price = price("Lambda x86 time", 0.000_016_666_7, "GB-s");
pub(super) const LAMBDA_REQUESTS: Price = price("Lambda requests", 0.20, "million");
pub(super) const HTTP_API: Price = price("API Gateway HTTP API", 1.00, "million");
pub(super) const RDS_STORAGE: Price = price("RDS gp3 storage", 0.115, "GB-month");
pub(super) const CACHE: Price = price("ElastiCache cache.t4g.micro", 0.016, "h");
pub(super) const S3: Price = price("S3 Standard storage", 0.023, "GB-month");
pub(super) const SECRET: Price = price("Secrets Manager", 0.40, "secret");
pub(super) const NAT: Price = price("NAT gateway", 0.045, "h");
pub(super) const EKS: Price = price("EKS control plane", 0.10, "h");
pub(super) const NODE: Price = price("EC2 t3.medium node", 0.0416, "h");
pub(super) const EBS: Price = price("EBS gp3 storage", 0.08, "GB-month");
pub(super) const BALANCER: Price = price("load balancer", 0.0225, "h");

/// CPUs and memory (MiB) of one [`NODE`].
pub(super) const NODE_SIZE: (u64, u64) = (2000, 4096);

/// The smallest classes of managed MySQL-compatible databases, with the data up to which each is
/// taken (GiB).
pub(super) const DATABASES: [(u64, Price); 3] = [
    (5, price("RDS db.t4g.micro, one zone", 0.016, "h")),
    (20, price("RDS db.t4g.small, one zone", 0.032, "h")),
    (u64::MAX, price("RDS db.t4g.medium, one zone", 0.065, "h")),
];

/// Where the prices are from and what they leave out.
pub(super) fn about() -> String {
    format!(
        "AWS public list prices, on demand, {REGION}, as of {AS_OF}, in US dollars: without tax, \
         traffic, backups, support, free tier and discounts; ask for current ones before signing"
    )
}
