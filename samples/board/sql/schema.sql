-- The database of Lindenau's notice board.

CREATE DATABASE noticeboard CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE noticeboard;

CREATE TABLE users (
  id            INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name          VARCHAR(32)  NOT NULL UNIQUE,
  display_name  VARCHAR(64)  NOT NULL,
  password_hash VARCHAR(200) NOT NULL,
  language      ENUM('en', 'de') NOT NULL DEFAULT 'de',
  created_at    TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE=InnoDB;

CREATE TABLE categories (
  id      TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  slug    VARCHAR(20) NOT NULL UNIQUE,
  name_en VARCHAR(40) NOT NULL,
  name_de VARCHAR(40) NOT NULL
) ENGINE=InnoDB;

CREATE TABLE notices (
  id          INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  author_id   INT UNSIGNED NOT NULL,
  category_id TINYINT UNSIGNED NOT NULL,
  title       VARCHAR(120) NOT NULL,
  body        TEXT NOT NULL,
  -- The last day on which it hangs, by the village's clock.
  expires_on  DATE NULL,
  expired_at  TIMESTAMP NULL DEFAULT NULL,
  created_at  TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at  TIMESTAMP NULL DEFAULT NULL,
  KEY notices_hanging (expired_at, id),
  KEY notices_expiry (expires_on),
  CONSTRAINT notices_author   FOREIGN KEY (author_id)   REFERENCES users (id),
  CONSTRAINT notices_category FOREIGN KEY (category_id) REFERENCES categories (id)
) ENGINE=InnoDB;

CREATE TABLE audit (
  id        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id   INT UNSIGNED NOT NULL,
  notice_id INT UNSIGNED NOT NULL,
  action    ENUM('create', 'read', 'update') NOT NULL,
  at        TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY audit_notice (notice_id, action, user_id),
  CONSTRAINT audit_user   FOREIGN KEY (user_id)   REFERENCES users (id),
  CONSTRAINT audit_notice FOREIGN KEY (notice_id) REFERENCES notices (id) ON DELETE CASCADE
) ENGINE=InnoDB;
